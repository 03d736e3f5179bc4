// serial_bridge: packets of bytes to the accelerator's AXI ports and back.
//
// From the host                       Back
//   W address d0 d1 d2 d3  a write      w response
//   R address              a read       r response d0 d1 d2 d3
//   B d0 d1 d2 d3          a beat of s_axis
//   L d0 d1 d2 d3          the same, with tlast
//                                       D d0 d1 d2 d3  a beat of m_axis
//                                       E d0 d1 d2 d3  the same, with tlast
// Letters are ASCII, d0 is the low byte, other bytes where a letter belongs are passed over. A byte that comes while a
// beat still waits for the accelerator is lost, and overrun_o stays high until reset: the host sends a frame only when
// it has the results of the one before.
`default_nettype none

module serial_bridge (
    input  wire        clk_i,
    input  wire        rst_ni,

    input  wire [ 7:0] byte_i,
    input  wire        valid_i,
    output wire [ 7:0] byte_o,
    output wire        valid_o,
    input  wire        ready_i,
    output reg         overrun_o,

    output wire [ 7:0] m_axil_awaddr,
    output wire        m_axil_awvalid,
    input  wire        m_axil_awready,
    output wire [31:0] m_axil_wdata,
    output wire        m_axil_wvalid,
    input  wire        m_axil_wready,
    input  wire [ 1:0] m_axil_bresp,
    input  wire        m_axil_bvalid,
    output wire        m_axil_bready,
    output wire [ 7:0] m_axil_araddr,
    output wire        m_axil_arvalid,
    input  wire        m_axil_arready,
    input  wire [31:0] m_axil_rdata,
    input  wire [ 1:0] m_axil_rresp,
    input  wire        m_axil_rvalid,
    output wire        m_axil_rready,

    output wire [31:0] m_axis_tdata,
    output wire        m_axis_tvalid,
    input  wire        m_axis_tready,
    output wire        m_axis_tlast,

    input  wire [31:0] s_axis_tdata,
    input  wire        s_axis_tvalid,
    output wire        s_axis_tready,
    input  wire        s_axis_tlast
);
  localparam [7:0] Write = "W", Read = "R", Beat = "B", Last = "L";
  localparam [7:0] Written = "w", ReadBack = "r", Result = "D", ResultLast = "E";

  // ---- From the host: a letter, then so many bytes; then the transfer waits until it is taken.
  reg [7:0] letter_q, address_q;
  reg [31:0] data_q;
  reg [2:0] left_q; // bytes still to come
  reg aw_q, w_q, ar_q, beat_q; // transfers that wait
  wire waiting = aw_q || w_q || ar_q || beat_q;
  wire complete = valid_i && left_q == 3'd1;
  wire has_address = letter_q == Write || letter_q == Read;
  wire is_address = has_address && left_q == (letter_q == Write ? 3'd5 : 3'd1);

  assign m_axil_awaddr = address_q;
  assign m_axil_araddr = address_q;
  assign m_axil_wdata = data_q;
  assign m_axis_tdata = data_q;
  assign m_axis_tlast = letter_q == Last;
  assign m_axil_awvalid = aw_q;
  assign m_axil_wvalid = w_q;
  assign m_axil_arvalid = ar_q;
  assign m_axis_tvalid = beat_q;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      left_q    <= 3'd0;
      overrun_o <= 1'b0;
      {aw_q, w_q, ar_q, beat_q} <= 4'd0;
    end else begin
      if (valid_i && waiting) overrun_o <= 1'b1;
      if (valid_i && !waiting) begin
        if (left_q == 3'd0) begin
          case (byte_i)
            Write: left_q <= 3'd5;
            Read: left_q <= 3'd1;
            Beat, Last: left_q <= 3'd4;
            default: left_q <= 3'd0;
          endcase
        end else begin
          left_q <= left_q - 3'd1;
        end
      end
      aw_q   <= (aw_q && !m_axil_awready) || (complete && letter_q == Write);
      w_q    <= (w_q && !m_axil_wready) || (complete && letter_q == Write);
      ar_q   <= (ar_q && !m_axil_arready) || (complete && letter_q == Read);
      beat_q <= (beat_q && !m_axis_tready) || (complete && !has_address);
    end
    if (valid_i && !waiting) begin
      if (left_q == 3'd0) letter_q <= byte_i;
      else if (is_address) address_q <= byte_i;
      else data_q <= {byte_i, data_q[31:8]};
    end
  end

  // ---- To the host: one packet at a time.
  reg [47:0] packet_q;
  reg [2:0] bytes_q; // still to be sent
  wire free = bytes_q == 3'd0;

  assign byte_o = packet_q[7:0];
  assign valid_o = !free;
  assign m_axil_bready = free;
  assign m_axil_rready = free && !m_axil_bvalid;
  assign s_axis_tready = free && !m_axil_bvalid && !m_axil_rvalid;

  always @(posedge clk_i) begin
    if (!rst_ni) bytes_q <= 3'd0;
    else if (free) bytes_q <= m_axil_bvalid ? 3'd2 : m_axil_rvalid ? 3'd6 : s_axis_tvalid ? 3'd5 : 3'd0;
    else if (ready_i) bytes_q <= bytes_q - 3'd1;
    if (free) begin
      if (m_axil_bvalid) packet_q <= {38'd0, m_axil_bresp, Written};
      else if (m_axil_rvalid) packet_q <= {m_axil_rdata, 6'd0, m_axil_rresp, ReadBack};
      else packet_q <= {8'd0, s_axis_tdata, s_axis_tlast ? ResultLast : Result};
    end else if (ready_i) begin
      packet_q <= {8'd0, packet_q[47:8]};
    end
  end
endmodule

`default_nettype wire
