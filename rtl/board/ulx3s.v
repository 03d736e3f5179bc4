// ulx3s: the accelerator on the ULX3S board (ECP5, 25 MHz): a host talks to it over the board's USB serial port.
//
// 25 MHz / ClocksPerBit is the baud rate: 1 Mbaud. Lights: 7 bytes were lost, 3 to 0 the accelerator's error. Pins are
// in ulx3s.lpf; serial_bridge.v has the protocol.
`default_nettype none

module ulx3s #(
    parameter integer ClocksPerBit = 25,
    parameter integer Lanes        = 16,
    parameter integer Width        = 128,
    parameter integer WeightDepth  = 131072,
    parameter integer BiasDepth    = 4096,
    parameter integer Operations   = 128
) (
    input  wire       clk_i,
    input  wire       rst_ni, // a button, high unless pressed
    input  wire       serial_i,
    output wire       serial_o,
    output wire       wifi_o, // low would put the board's other processor into its boot loader
    output wire [7:0] light_o
);
  // Registers are 0 when the FPGA has been configured: so that is a reset, too.
  reg [3:0] reset_q;
  wire reset_n = reset_q[3];

  always @(posedge clk_i) reset_q <= {reset_q[2:0], rst_ni};

  wire [7:0] received, sent;
  wire received_valid, sent_valid, sent_ready, overrun;

  uart_receiver #(
      .ClocksPerBit(ClocksPerBit)
  ) u_receiver (
      .clk_i(clk_i),
      .rst_ni(reset_n),
      .line_i(serial_i),
      .byte_o(received),
      .valid_o(received_valid)
  );

  uart_sender #(
      .ClocksPerBit(ClocksPerBit)
  ) u_sender (
      .clk_i(clk_i),
      .rst_ni(reset_n),
      .byte_i(sent),
      .valid_i(sent_valid),
      .ready_o(sent_ready),
      .line_o(serial_o)
  );

  wire [7:0] awaddr, araddr;
  wire [31:0] wdata, rdata, beat, result;
  wire [1:0] bresp, rresp;
  wire awvalid, awready, wvalid, wready, bvalid, bready, arvalid, arready, rvalid, rready;
  wire beat_valid, beat_ready, beat_last, result_valid, result_ready, result_last;

  serial_bridge u_bridge (
      .clk_i(clk_i),
      .rst_ni(reset_n),
      .byte_i(received),
      .valid_i(received_valid),
      .byte_o(sent),
      .valid_o(sent_valid),
      .ready_i(sent_ready),
      .overrun_o(overrun),
      .m_axil_awaddr(awaddr),
      .m_axil_awvalid(awvalid),
      .m_axil_awready(awready),
      .m_axil_wdata(wdata),
      .m_axil_wvalid(wvalid),
      .m_axil_wready(wready),
      .m_axil_bresp(bresp),
      .m_axil_bvalid(bvalid),
      .m_axil_bready(bready),
      .m_axil_araddr(araddr),
      .m_axil_arvalid(arvalid),
      .m_axil_arready(arready),
      .m_axil_rdata(rdata),
      .m_axil_rresp(rresp),
      .m_axil_rvalid(rvalid),
      .m_axil_rready(rready),
      .m_axis_tdata(beat),
      .m_axis_tvalid(beat_valid),
      .m_axis_tready(beat_ready),
      .m_axis_tlast(beat_last),
      .s_axis_tdata(result),
      .s_axis_tvalid(result_valid),
      .s_axis_tready(result_ready),
      .s_axis_tlast(result_last)
  );

  wire [3:0] error;
  wire unused_done, unused_weights_ready, unused_row_valid;
  wire [31:0] unused_cycles, unused_stalls;
  wire [13:0] unused_place;
  wire [Lanes-1:0] unused_lanes;
  wire [16*Lanes-1:0] unused_row;

  accelerator #(
      .Lanes(Lanes),
      .Width(Width),
      .WeightDepth(WeightDepth),
      .BiasDepth(BiasDepth),
      .Operations(Operations)
  ) u_accelerator (
      .clk_i(clk_i),
      .rst_ni(reset_n),
      .s_axil_awaddr(awaddr),
      .s_axil_awvalid(awvalid),
      .s_axil_awready(awready),
      .s_axil_wdata(wdata),
      .s_axil_wstrb(4'hf),
      .s_axil_wvalid(wvalid),
      .s_axil_wready(wready),
      .s_axil_bresp(bresp),
      .s_axil_bvalid(bvalid),
      .s_axil_bready(bready),
      .s_axil_araddr(araddr),
      .s_axil_arvalid(arvalid),
      .s_axil_arready(arready),
      .s_axil_rdata(rdata),
      .s_axil_rresp(rresp),
      .s_axil_rvalid(rvalid),
      .s_axil_rready(rready),
      .s_axis_tdata(beat),
      .s_axis_tvalid(beat_valid),
      .s_axis_tready(beat_ready),
      .s_axis_tlast(beat_last),
      .s_axis_w_tdata(16'd0),
      .s_axis_w_tvalid(1'b0),
      .s_axis_w_tready(unused_weights_ready),
      .m_axis_tdata(result),
      .m_axis_tvalid(result_valid),
      .m_axis_tready(result_ready),
      .m_axis_tlast(result_last),
      .done_o(unused_done),
      .cycles_o(unused_cycles),
      .stalls_o(unused_stalls),
      .error_o(error),
      .row_valid_o(unused_row_valid),
      .row_place_o(unused_place),
      .row_lanes_o(unused_lanes),
      .row_o(unused_row)
  );

  assign wifi_o = 1'b1;
  assign light_o = {overrun, 3'd0, error};

  generate
    if (WeightDepth == 0) begin : g_refuse_streamed
      ulx3s_refuses_weight_depth_0 refused ();
    end
  endgenerate
endmodule

`default_nettype wire
