// dot_accelerator: the accelerator's twin with dot products and softmax, for comparison: the same control, streams,
// memories and way out (rtl/core/), lanes with an 8x8 multiplier, a stream of 8-bit weights.
//
// What differs from accelerator.v: an entry has 15 bits (dot_weight_steps.v), a bias 24; a score is minus a dot product;
// inhibition is a weighted sum; a norm with bit 11 of word 0 set takes its operands through the table of exponentials
// and so divides them by their sum: that is the softmax. Hard 1 leaves the multiplications to DSP blocks.
`default_nettype none

module dot_accelerator #(
    parameter integer Lanes       = 16,
    parameter integer Width       = 128,
    parameter integer WeightDepth = 16384,
    parameter integer BiasDepth   = 2048,
    parameter integer Operations  = 256,
    parameter integer Hard        = 0
) (
    input  wire                clk_i,
    input  wire                rst_ni,

    input  wire [         7:0] s_axil_awaddr,
    input  wire                s_axil_awvalid,
    output wire                s_axil_awready,
    input  wire [        31:0] s_axil_wdata,
    input  wire [         3:0] s_axil_wstrb,
    input  wire                s_axil_wvalid,
    output wire                s_axil_wready,
    output wire [         1:0] s_axil_bresp,
    output wire                s_axil_bvalid,
    input  wire                s_axil_bready,
    input  wire [         7:0] s_axil_araddr,
    input  wire                s_axil_arvalid,
    output wire                s_axil_arready,
    output wire [        31:0] s_axil_rdata,
    output wire [         1:0] s_axil_rresp,
    output wire                s_axil_rvalid,
    input  wire                s_axil_rready,

    input  wire [        31:0] s_axis_tdata,
    input  wire                s_axis_tvalid,
    output wire                s_axis_tready,
    input  wire                s_axis_tlast,

    input  wire [        15:0] s_axis_w_tdata,
    input  wire                s_axis_w_tvalid,
    output wire                s_axis_w_tready,

    output wire [        31:0] m_axis_tdata,
    output wire                m_axis_tvalid,
    input  wire                m_axis_tready,
    output wire                m_axis_tlast,

    output wire                done_o,
    output wire [        31:0] cycles_o,
    output wire [        31:0] stalls_o,
    output wire [         3:0] error_o,
    output wire                row_valid_o,
    output wire [        13:0] row_place_o,
    output wire [   Lanes-1:0] row_lanes_o,
    output wire [16*Lanes-1:0] row_o
);
  localparam integer LaneBits = $clog2(Lanes);
  localparam integer OperationBits = $clog2(Operations);
  localparam integer WeightBits = WeightDepth == 0 ? 0 : $clog2(WeightDepth);
  localparam integer WidthBits = $clog2(Width);
  localparam integer BiasBits = $clog2(BiasDepth);

  // ---- Control.
  wire run, abort, idle;
  wire [2:0] clear;
  wire program_write, weights_write, biases_write;
  wire [31:0] word;
  wire [OperationBits-1:0] number;
  reg work_q; // low: everything in work is forgotten

  always @(posedge clk_i) work_q <= rst_ni && !abort;

  axi_lite_registers #(
      .Parameters({OperationBits[4:0], BiasBits[4:0], WeightBits[4:0], WidthBits[4:0], LaneBits[3:0]})
  ) u_registers (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .s_axil_awaddr(s_axil_awaddr),
      .s_axil_awvalid(s_axil_awvalid),
      .s_axil_awready(s_axil_awready),
      .s_axil_wdata(s_axil_wdata),
      .s_axil_wstrb(s_axil_wstrb),
      .s_axil_wvalid(s_axil_wvalid),
      .s_axil_wready(s_axil_wready),
      .s_axil_bresp(s_axil_bresp),
      .s_axil_bvalid(s_axil_bvalid),
      .s_axil_bready(s_axil_bready),
      .s_axil_araddr(s_axil_araddr),
      .s_axil_arvalid(s_axil_arvalid),
      .s_axil_arready(s_axil_arready),
      .s_axil_rdata(s_axil_rdata),
      .s_axil_rresp(s_axil_rresp),
      .s_axil_rvalid(s_axil_rvalid),
      .s_axil_rready(s_axil_rready),
      .idle_i(idle),
      .done_i(done_o),
      .cycles_i(cycles_o),
      .stalls_i(stalls_o),
      .error_i(error_o),
      .number_i({{(12 - OperationBits) {1'b0}}, number}),
      .run_o(run),
      .abort_o(abort),
      .clear_o(clear),
      .program_write_o(program_write),
      .weights_write_o(weights_write),
      .biases_write_o(biases_write),
      .word_o(word)
  );

  // ---- Program.
  wire restart, start, take, next_valid, next_bad;
  wire [127:0] next, operation;
  wire [OperationBits-1:0] next_number;
  wire [3:0] next_code;

  operation_fetch #(
      .Lanes(Lanes),
      .Width(Width),
      .Operations(Operations)
  ) u_fetch (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .clear_i(clear[0]),
      .write_i(program_write),
      .word_i(word),
      .restart_i(restart),
      .take_i(take),
      .valid_o(next_valid),
      .operation_o(next),
      .number_o(next_number),
      .bad_o(next_bad),
      .code_o(next_code)
  );

  wire load_active, load_begun, load_done, load_wrong;
  wire weights_active, row_end, starved, weights_wrong;
  wire entry_valid, entry_take, entry_exhausted, bias_valid, bias_take, bias_exhausted;
  wire send_active, send_done, send_waiting;
  wire [LaneBits-1:0] last_key;
  wire [11:0] counted_scalar, counted_address;
  wire [LaneBits-1:0] counted_lane;
  wire counted_step, counted_skip, counted_double, counted_negate, counted_last, counted_clear, normalise, recall;
  wire [2:0] times;
  wire [23:0] counted_start;

  sequencer #(
      .Lanes(Lanes),
      .Operations(Operations)
  ) u_sequencer (
      .clk_i(clk_i),
      .rst_ni(work_q),
      .run_i(run),
      .idle_o(idle),
      .done_o(done_o),
      .cycles_o(cycles_o),
      .stalls_o(stalls_o),
      .error_o(error_o),
      .number_o(number),
      .next_valid_i(next_valid),
      .next_i(next),
      .next_number_i(next_number),
      .next_bad_i(next_bad),
      .next_code_i(next_code),
      .take_o(take),
      .restart_o(restart),
      .start_o(start),
      .operation_o(operation),
      .load_active_o(load_active),
      .load_begun_i(load_begun),
      .load_done_i(load_done),
      .load_wrong_i(load_wrong),
      .load_valid_i(s_axis_tvalid),
      .weights_active_o(weights_active),
      .weights_row_end_i(row_end),
      .weights_starved_i(starved),
      .weights_exhausted_i(starved && (entry_valid ? bias_exhausted : entry_exhausted)),
      .weights_wrong_i(weights_wrong),
      .send_active_o(send_active),
      .send_done_i(send_done),
      .send_waiting_i(send_waiting),
      .last_key_i(last_key),
      .scalar_address_o(counted_scalar),
      .scalar_lane_o(counted_lane),
      .operand_address_o(counted_address),
      .step_o(counted_step),
      .skip_o(counted_skip),
      .double_o(counted_double),
      .negate_o(counted_negate),
      .last_o(counted_last),
      .clear_o(counted_clear),
      .normalise_o(normalise),
      .recall_o(recall),
      .times_o(times),
      .start_value_o(counted_start)
  );

  wire [3:0] kind = operation[3:0];
  wire is_load = kind == 4'd1;
  wire is_classify = kind == 4'd3;
  wire is_score = kind == 4'd4;
  wire is_weigh = kind == 4'd6;
  wire is_norm = kind == 4'd7;
  wire is_centre = kind == 4'd5;
  wire unused_operation = ^{operation[31:24], operation[47:44], operation[63:60], operation[79:76],
      operation[95:92], operation[111:96], operation[127:124], word[31], s_axis_w_tdata[15], weights_write};

  // ---- Weights and biases.
  wire [14:0] entry;
  wire [23:0] bias;

  generate
    if (WeightDepth == 0) begin : g_streamed
      wire unused_clear = clear[1];
      assign entry = s_axis_w_tdata[14:0];
      assign entry_valid = s_axis_w_tvalid;
      assign entry_exhausted = 1'b0;
      assign s_axis_w_tready = entry_take;
    end else begin : g_stored
      wire [$clog2(WeightDepth):0] unused_length;
      wire unused_stream = ^{s_axis_w_tdata, s_axis_w_tvalid};
      assign s_axis_w_tready = 1'b0;
      sequence_memory #(
          .Width(15),
          .Depth(WeightDepth)
      ) u_weights (
          .clk_i(clk_i),
          .rst_ni(rst_ni),
          .clear_i(clear[1]),
          .write_i(weights_write),
          .word_i(word[14:0]),
          .length_o(unused_length),
          .restart_i(restart),
          .valid_o(entry_valid),
          .word_o(entry),
          .take_i(entry_take),
          .exhausted_o(entry_exhausted)
      );
    end
  endgenerate

  wire [$clog2(BiasDepth):0] unused_bias_length;

  sequence_memory #(
      .Width(24),
      .Depth(BiasDepth)
  ) u_biases (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .clear_i(clear[2]),
      .write_i(biases_write),
      .word_i(word[23:0]),
      .length_o(unused_bias_length),
      .restart_i(restart),
      .valid_o(bias_valid),
      .word_o(bias),
      .take_i(bias_take),
      .exhausted_o(bias_exhausted)
  );

  wire [11:0] weight_address;
  wire [7:0] weight;
  wire weight_step, weight_skip, weight_last, weight_clear;
  wire [1:0] weight_byte;
  wire [23:0] weight_start;

  dot_weight_steps u_weight_steps (
      .clk_i(clk_i),
      .rst_ni(work_q),
      .start_i(start),
      .active_i(weights_active),
      .classify_i(is_classify),
      .source_i(operation[59:48]),
      .inputs_i(operation[123:112]),
      .row_end_o(row_end),
      .starved_o(starved),
      .entry_valid_i(entry_valid),
      .entry_i(entry),
      .entry_take_o(entry_take),
      .bias_valid_i(bias_valid),
      .bias_i(bias),
      .bias_take_o(bias_take),
      .address_o(weight_address),
      .step_o(weight_step),
      .skip_o(weight_skip),
      .weight_o(weight),
      .last_o(weight_last),
      .clear_o(weight_clear),
      .byte_o(weight_byte),
      .start_o(weight_start),
      .wrong_o(weights_wrong)
  );

  // ---- Frames in, results out.
  wire tag_write, tag_first, load_row, load_wrap;
  wire [LaneBits-2:0] load_pair;
  wire [11:0] tags;
  wire [23:0] load_even, load_odd;

  frame_loader #(
      .Lanes(Lanes)
  ) u_loader (
      .clk_i(clk_i),
      .rst_ni(work_q),
      .start_i(start),
      .active_i(load_active),
      .features_i(operation[123:112]),
      .shift_i(operation[23:21]),
      .begun_o(load_begun),
      .done_o(load_done),
      .wrong_o(load_wrong),
      .s_axis_tdata(s_axis_tdata),
      .s_axis_tvalid(s_axis_tvalid),
      .s_axis_tready(s_axis_tready),
      .s_axis_tlast(s_axis_tlast),
      .tag_write_o(tag_write),
      .tag_first_o(tag_first),
      .pair_o(load_pair),
      .tags_o(tags),
      .row_o(load_row),
      .wrap_o(load_wrap),
      .start_even_o(load_even),
      .start_odd_o(load_odd)
  );

  wire [4*Lanes-1:0] segments;
  wire [Lanes-1:0] reports;
  wire [LaneBits-1:0] key;
  wire [4:0] key_tag;

  segment_table #(
      .Lanes(Lanes)
  ) u_segments (
      .clk_i(clk_i),
      .write_i(tag_write),
      .first_i(tag_first),
      .pair_i(load_pair),
      .tags_i(tags),
      .segments_o(segments),
      .reports_o(reports),
      .last_o(last_key),
      .key_i(key),
      .key_o(key_tag)
  );

  wire [11:0] send_address;
  wire [LaneBits-1:0] send_lane;
  wire [7:0] scalar;

  result_sender #(
      .Lanes(Lanes)
  ) u_sender (
      .clk_i(clk_i),
      .rst_ni(work_q),
      .start_i(start),
      .active_i(send_active),
      .source_i(operation[43:32]),
      .logits_i(operation[123:112]),
      .reports_i(reports),
      .last_lane_i(last_key),
      .done_o(send_done),
      .waiting_o(send_waiting),
      .address_o(send_address),
      .lane_o(send_lane),
      .scalar_i(scalar),
      .m_axis_tdata(m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready),
      .m_axis_tlast(m_axis_tlast)
  );

  // ---- Rows. Of the sources of steps one is at work, the others give zeros.
  dot_row_engine #(
      .Lanes(Lanes),
      .Width(Width),
      .Hard(Hard)
  ) u_rows (
      .clk_i(clk_i),
      .rst_ni(work_q),
      .start_i(start),
      .score_i(is_score),
      .weigh_i(is_weigh),
      .norm_i(is_norm),
      .load_i(is_load),
      .classify_i(is_classify),
      .from_a_i(operation[4]),
      .to_a_i(operation[5]),
      .to_s_i(operation[6]),
      .residual_i(operation[7]),
      .relu_i(operation[8]),
      .centre_i(operation[9]),
      .mask_i(operation[10]),
      .exponential_i(operation[11]),
      .centred_i(is_centre),
      .top_bit_i(operation[15:12]),
      .shift_i(operation[20:16]),
      .destination_i(operation[75:64]),
      .residual_address_i(operation[91:80]),
      .scalar_address_i(send_active ? send_address : counted_scalar),
      .scalar_lane_i(send_active ? send_lane : counted_lane),
      .scalar_o(scalar),
      .operand_address_i(counted_address | weight_address),
      .weight_i(weight),
      .step_i(counted_step || weight_step || load_row),
      .skip_i(counted_skip || weight_skip || load_row),
      .double_i(counted_double),
      .negate_i(counted_negate),
      .last_i(counted_last || weight_last || load_row),
      .clear_i(counted_clear || weight_clear || load_row),
      .normalise_i(normalise),
      .recall_i(recall),
      .times_i(times),
      .byte_i(weight_byte),
      .wrap_i(load_wrap),
      .start_even_i(counted_start | weight_start | load_even),
      .start_odd_i(counted_start | weight_start | load_odd),
      .segments_i(segments),
      .key_o(key),
      .key_i(key_tag),
      .row_valid_o(row_valid_o),
      .row_place_o(row_place_o),
      .row_lanes_o(row_lanes_o),
      .row_o(row_o)
  );
endmodule

`default_nettype wire
